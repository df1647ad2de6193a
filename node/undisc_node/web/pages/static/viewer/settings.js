// Settings of the full viewer (OHIF): our DICOMweb and nothing else.
(() => {
  const service = `${location.origin}/view/dicom-web`;

  const reportBeside = {
    id: "undisc",
    getHangingProtocolModule: () => [
      {
        name: "undisc.report",
        protocol: {
          id: "undisc.report",
          name: "Images and report",
          locked: true,
          isPreset: false,
          protocolMatchingRules: [],
          toolGroupIds: ["default"],
          displaySetSelectors: {
            images: {
              seriesMatchingRules: [
                {
                  attribute: "numImageFrames",
                  constraint: { greaterThan: { value: 0 } },
                  required: true,
                },
              ],
            },
            report: {
              seriesMatchingRules: [
                {
                  attribute: "SOPClassUID",
                  constraint: { equals: { value: "1.2.840.10008.5.1.4.1.1.104.1" } },
                  required: true,
                },
              ],
            },
          },
          stages: [
            {
              name: "report",
              viewportStructure: { layoutType: "grid", properties: { rows: 1, columns: 2 } },
              viewports: [
                {
                  viewportOptions: {
                    toolGroupId: "default",
                    viewportType: "stack",
                    initialImageOptions: { preset: "middle" },
                  },
                  displaySets: [{ id: "images" }],
                },
                {
                  viewportOptions: { toolGroupId: "default" },
                  displaySets: [{ id: "report" }],
                },
              ],
            },
          ],
        },
      },
    ],
  };

  window.config = {
    routerBasename: "/view/ohif",
    extensions: [reportBeside],
    modes: [],
    customizationService: [{ "ohif.tours": { $set: [] } }],
    showStudyList: false,
    showWarningMessageForCrossOrigin: false,
    showCPUFallbackMessage: false,
    showLoadingIndicator: true,
    strictZSpacingForVolumeViewport: true,
    maxNumberOfWebWorkers: 3,
    maxNumRequests: { interaction: 100, thumbnail: 75, prefetch: 25 },
    investigationalUseDialog: { option: "never" },
    defaultDataSourceName: "dicomweb",
    dataSources: [
      {
        namespace: "@ohif/extension-default.dataSourcesModule.dicomweb",
        sourceName: "dicomweb",
        configuration: {
          friendlyName: "undisc",
          name: "undisc",
          qidoRoot: service,
          wadoRoot: service,
          qidoSupportsIncludeField: true,
          supportsReject: false,
          supportsFuzzyMatching: false,
          supportsWildcard: false,
          imageRendering: "wadors",
          thumbnailRendering: "thumbnail", // made by the node: a frame of each series is megabytes
          enableStudyLazyLoad: true,
          singlepart: "pdf",
          omitQuotationForMultipartRequest: true,
          bulkDataURI: { enabled: true },
        },
      },
    ],
    httpErrorHandler: (problem) => {
      if (problem && (problem.status === 401 || problem.status === 403)) window.undiscLeave();
    },
    whiteLabeling: {
      createLogoComponentFn: (React) =>
        React.createElement("a", { href: "/view/", className: "text-white px-2" }, "undisc"),
    },
  };
})();
