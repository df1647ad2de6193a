"""What use cases need from the world, each port named for that need.

Adapters in `storage`, `dicom` and `peers` implement these; `tests/support` has an in-memory
implementation of each, and `tests/contract` runs one suite on both. Ports are synchronous: use
cases run in worker threads, and the web layer keeps the event loop free.
"""

from undisc_node.services.ports.archives import (
    Archive as Archive,
)
from undisc_node.services.ports.archives import (
    Archives as Archives,
)
from undisc_node.services.ports.archives import (
    Coercer as Coercer,
)
from undisc_node.services.ports.archives import (
    DeliveryRecords as DeliveryRecords,
)
from undisc_node.services.ports.archives import (
    Outgoing as Outgoing,
)
from undisc_node.services.ports.archives import (
    PacsRecords as PacsRecords,
)
from undisc_node.services.ports.archives import (
    StoreAnswer as StoreAnswer,
)
from undisc_node.services.ports.archives import (
    Take as Take,
)
from undisc_node.services.ports.archives import (
    Watch as Watch,
)
from undisc_node.services.ports.browsing import (
    BrowsingRecords as BrowsingRecords,
)
from undisc_node.services.ports.consents import (
    ConsentRecords as ConsentRecords,
)
from undisc_node.services.ports.consents import (
    ConsentTexts as ConsentTexts,
)
from undisc_node.services.ports.consents import (
    VisitRecords as VisitRecords,
)
from undisc_node.services.ports.department import (
    NoticeRecords as NoticeRecords,
)
from undisc_node.services.ports.department import (
    OrderRecords as OrderRecords,
)
from undisc_node.services.ports.department import (
    QueueRecords as QueueRecords,
)
from undisc_node.services.ports.department import (
    ReportObjects as ReportObjects,
)
from undisc_node.services.ports.department import (
    ReportRecords as ReportRecords,
)
from undisc_node.services.ports.department import (
    Worklist as Worklist,
)
from undisc_node.services.ports.desk import (
    DeskRecords as DeskRecords,
)
from undisc_node.services.ports.desk import (
    WishRecords as WishRecords,
)
from undisc_node.services.ports.endings import (
    EndingRecords as EndingRecords,
)
from undisc_node.services.ports.figures import (
    FigureRecords as FigureRecords,
)
from undisc_node.services.ports.figures import (
    Holding as Holding,
)
from undisc_node.services.ports.figures import (
    Moment as Moment,
)
from undisc_node.services.ports.figures import (
    Totals as Totals,
)
from undisc_node.services.ports.links import (
    LinkRecords as LinkRecords,
)
from undisc_node.services.ports.media import (
    Branch as Branch,
)
from undisc_node.services.ports.media import (
    DirectoryReader as DirectoryReader,
)
from undisc_node.services.ports.media import (
    Leaf as Leaf,
)
from undisc_node.services.ports.media import (
    MediaRecords as MediaRecords,
)
from undisc_node.services.ports.media import (
    MediumComposer as MediumComposer,
)
from undisc_node.services.ports.media import (
    Trunk as Trunk,
)
from undisc_node.services.ports.neighbours import (
    Neighbour as Neighbour,
)
from undisc_node.services.ports.neighbours import (
    Neighbours as Neighbours,
)
from undisc_node.services.ports.offers import (
    OfferRecords as OfferRecords,
)
from undisc_node.services.ports.outgoing import (
    CodeRecords as CodeRecords,
)
from undisc_node.services.ports.outgoing import (
    DrawsPrintouts as DrawsPrintouts,
)
from undisc_node.services.ports.outgoing import (
    KnowsVisitLinks as KnowsVisitLinks,
)
from undisc_node.services.ports.outgoing import (
    MessageRecords as MessageRecords,
)
from undisc_node.services.ports.outgoing import (
    SendsMessages as SendsMessages,
)
from undisc_node.services.ports.outgoing import (
    WordsMessages as WordsMessages,
)
from undisc_node.services.ports.packs import (
    Draft as Draft,
)
from undisc_node.services.ports.packs import (
    Incoming as Incoming,
)
from undisc_node.services.ports.packs import (
    Packs as Packs,
)
from undisc_node.services.ports.packs import (
    ReadInto as ReadInto,
)
from undisc_node.services.ports.packs import (
    Source as Source,
)
from undisc_node.services.ports.packs import (
    Spool as Spool,
)
from undisc_node.services.ports.packs import (
    Stored as Stored,
)
from undisc_node.services.ports.pairing import (
    PairingRecords as PairingRecords,
)
from undisc_node.services.ports.patients import (
    PatientRecords as PatientRecords,
)
from undisc_node.services.ports.people import (
    PeopleRecords as PeopleRecords,
)
from undisc_node.services.ports.records import (
    Catalog as Catalog,
)
from undisc_node.services.ports.records import (
    FetchRecords as FetchRecords,
)
from undisc_node.services.ports.records import (
    GrantRecords as GrantRecords,
)
from undisc_node.services.ports.records import (
    LogRecords as LogRecords,
)
from undisc_node.services.ports.records import (
    PeerRecords as PeerRecords,
)
from undisc_node.services.ports.records import (
    ProbedCatalog as ProbedCatalog,
)
from undisc_node.services.ports.records import (
    Records as Records,
)
from undisc_node.services.ports.records import (
    RestoredRecords as RestoredRecords,
)
from undisc_node.services.ports.records import (
    ShareRecords as ShareRecords,
)
from undisc_node.services.ports.records import (
    StudyRecords as StudyRecords,
)
from undisc_node.services.ports.records import (
    TicketRecords as TicketRecords,
)
from undisc_node.services.ports.records import (
    WitnessedRecords as WitnessedRecords,
)
from undisc_node.services.ports.senders import (
    KnowsCallers as KnowsCallers,
)
from undisc_node.services.ports.senders import (
    SenderRecords as SenderRecords,
)
from undisc_node.services.ports.staff import (
    StaffRecords as StaffRecords,
)
from undisc_node.services.ports.work import (
    LimitedWork as LimitedWork,
)
from undisc_node.services.ports.world import (
    BringsAnswers as BringsAnswers,
)
from undisc_node.services.ports.world import (
    Clock as Clock,
)
from undisc_node.services.ports.world import (
    Entropy as Entropy,
)
from undisc_node.services.ports.world import (
    InstanceReader as InstanceReader,
)
from undisc_node.services.ports.world import (
    PeerNetwork as PeerNetwork,
)
from undisc_node.services.ports.world import (
    Reply as Reply,
)
