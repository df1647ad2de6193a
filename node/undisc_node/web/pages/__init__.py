"""What every page for people rests on, on both listeners: templates, languages, styles, protection.

    rendering     fills templates: `page(request, "desk/day.html", ...)`
    languages     catalogs: a language is a file, `locales/es.po`
    assets        styles and modules below an address that names their content
    protecting    headers, cookies, and the hosts a page may be asked of
    forms         what a browser sends back: bounded, and from a page of ours
    problems      errors as pages, in the practice's name

Nothing here knows what a page is about. Scripts and styles come from files only, nothing comes from
another host, and nothing is inline.
"""
