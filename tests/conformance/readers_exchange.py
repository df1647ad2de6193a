"""Readers of the vectors of SPEC.md section 6."""

from nacl.public import PrivateKey

from undisc_protocol import dagcbor, limits
from undisc_protocol.answer import request_hash
from undisc_protocol.boxes import box_open, box_seal
from undisc_protocol.browser import read_browser
from undisc_protocol.dagcbor import Cid
from undisc_protocol.did import Did
from undisc_protocol.errors import class_of_code
from undisc_protocol.exchange import read_answer, read_request
from undisc_protocol.greeting import read_greeted, read_greeting
from undisc_protocol.handing import read_handed, read_handing
from undisc_protocol.identity import NodeId, read_identity
from undisc_protocol.manifest import Manifest
from undisc_protocol.notice import read_notice, read_noticed
from undisc_protocol.offer import read_offer
from undisc_protocol.poll import read_poll, read_polled
from undisc_protocol.recall import read_memory, read_recall
from undisc_protocol.receipt import open_receipt, read_acknowledgement
from undisc_protocol.transfer import (
    Answered,
    Ask,
    Begin,
    Broken,
    Fail,
    FetchMachine,
    Finish,
    Halted,
    Move,
    ObjectStored,
    Publish,
    Published,
    ReceiptTaken,
    Refused,
    Rest,
    SendReceipt,
    TicketEnded,
    Wait,
)
from undisc_protocol.unlock import read_unlock, read_unlocked


def _filled(vector, part):
    """Return a part, lengthened with zero bytes to the size of the header `fill`."""
    return vector.parts[part].ljust(int(vector.headers.get("fill", "0")), b"\x00")


def read_box(vector):
    private = PrivateKey(vector.parts["private"])
    return {"message": box_open(private, vector.parts["sealed"]).hex()}


def seal_box(vector):
    sealed = box_seal(
        vector.parts["recipient"], vector.parts["message"], ephemeral=vector.parts["ephemeral"]
    )
    return {"sealed": sealed.hex()}


def _own(vector):
    return {
        "box": PrivateKey(vector.parts["box"]),
        "own": NodeId(bytes.fromhex(vector.headers["own"])),
        "now": int(vector.headers["now"]),
    }


def read_fetch_request(vector):
    request = read_request(_filled(vector, "body"), **_own(vector))
    return {
        "hash": request.hash.hex(),
        "sender": request.sender.node_id.hex(),
        "invocation": str(Cid.of(request.invocation)),
        "have": str(len(request.have)),
    }


def read_fetch_answer(vector):
    have = vector.parts["have"]
    granted = read_answer(
        _filled(vector, "body"),
        status=int(vector.headers["status"]),
        request=request_hash(vector.parts["request"]),
        invocation=Cid.of(vector.parts["invocation"]),
        holder=Did(vector.headers["holder"]),
        fetch_key=PrivateKey(vector.parts["fetch-key"]),
        have={have[start : start + 16] for start in range(0, len(have), 16)},
    )
    return {
        "ticket": granted.ticket.hex(),
        "until": str(granted.until),
        "manifest": granted.manifest.hash.hex(),
        "objects": str(len(granted.manifest.objects)),
    }


def read_manifest(vector):
    manifest = Manifest.from_value(dagcbor.decode(vector.parts["bytes"], limit=limits.MAX_ANSWER))
    facts = {"hash": manifest.hash.hex(), "stored": str(manifest.stored)}
    if len(manifest.objects) > 1:
        facts["span-1"] = "{} {}".format(*manifest.span(1))
    return facts


def read_sealed_receipt(vector):
    receipt = open_receipt(_filled(vector, "body"), **_own(vector))
    return {
        "id": receipt.id.hex(),
        "sender": receipt.sender.node_id.hex(),
        "objects": str(receipt.stored.objects),
        "size": str(receipt.stored.size),
    }


def read_acknowledged(vector):
    read_acknowledgement(
        vector.parts["body"],
        status=int(vector.headers["status"]),
        request=request_hash(vector.parts["request"]),
        receipt=vector.parts["receipt"],
        holder=Did(vector.headers["holder"]),
    )
    return {}


def read_offered(vector):
    offer = read_offer(_filled(vector, "bytes"), now=int(vector.headers["now"]))
    return {
        "holder": offer.holder.node_id.hex(),
        "to": offer.to,
        "proofs": str(len(offer.proofs)),
    }


def read_recall_request(vector):
    request = read_recall(_filled(vector, "body"), **_own(vector))
    return {
        "hash": request.hash.hex(),
        "sender": request.sender.node_id.hex(),
        "skip": str(request.skip),
    }


def read_recalled(vector):
    memory = read_memory(
        _filled(vector, "body"),
        status=int(vector.headers["status"]),
        request=request_hash(vector.parts["request"]),
        peer=NodeId(bytes.fromhex(vector.headers["peer"])),
        peer_key=Did(vector.headers["holder"]),
        own=NodeId(bytes.fromhex(vector.headers["own"])),
        recall_key=PrivateKey(vector.parts["recall-key"]),
        now=int(vector.headers["now"]),
    )
    return {
        "lines": " ".join(str(log.size) for log in memory.logs),
        "receipts": str(len(memory.receipts)),
        "ended": str(len(memory.ended)),
        "more": "yes" if memory.more else "no",
    }


def read_unlock_request(vector):
    unlock = read_unlock(_filled(vector, "body"), **_own(vector))
    return {
        "hash": unlock.hash.hex(),
        "sender": unlock.sender.node_id.hex(),
        "link": unlock.link,
        "passcode": unlock.passcode or "",
        "code": unlock.code or "",
    }


def read_unlock_answer(vector):
    unlocked = read_unlocked(
        _filled(vector, "body"),
        status=int(vector.headers["status"]),
        request=request_hash(vector.parts["request"]),
        holder=read_identity([vector.parts["record"]]),
        link=Did(vector.headers["link"]),
        unlock_key=PrivateKey(vector.parts["unlock-key"]),
        now=int(vector.headers["now"]),
    )
    return {"offers": str(len(unlocked.offers)), "until": str(unlocked.until)}


def read_told(vector):
    notice = read_notice(_filled(vector, "body"), **_own(vector))
    return {
        "sender": notice.sender.node_id.hex(),
        "kind": notice.kind.value,
        "study": notice.study.hex(),
        "patient": notice.patient.id if notice.patient else "",
        "ended": str(len(notice.ended)),
        "rest": "yes" if notice.rest else "no",
    }


def read_acknowledged_notice(vector):
    said = read_noticed(
        vector.parts["body"],
        status=int(vector.headers["status"]),
        request=request_hash(vector.parts["request"]),
        notice=vector.parts["notice"],
        recipient=Did(vector.headers["recipient"]),
    )
    return {
        "does": said.does.value,
        "why": said.why.value if said.why else "",
        "passed": "yes" if said.passed else "no",
    }


_PLAIN = {
    "begin": Begin,
    "published": Published,
    "receipt-taken": ReceiptTaken,
    "halted": Halted,
}


def _event(text):
    name, *words = text.split(" ")
    match name:
        case "answered":
            return Answered(frozenset(word.encode() for word in words))
        case "stored":
            return ObjectStored(words[0].encode())
        case "refused":
            return Refused(class_of_code(words[0])("refused"))
        case "broken":
            return Broken(gained=words == ["gained"])
        case "ticket-ended":
            return TicketEnded(gained=words == ["gained"])
    return _PLAIN[name]()


_EFFECTS = {
    Ask: "ask",
    Move: "move",
    Publish: "publish",
    SendReceipt: "send-receipt",
    Finish: "finish",
    Rest: "rest",
}


def _named(effect):
    match effect:
        case Wait(seconds):
            return f"wait {seconds}"
        case Fail(error):
            return f"fail {error.code}"
    return _EFFECTS[type(effect)]


def drive_fetch(vector):
    """Step through the events; the facts are the last state and the last effects."""
    machine, effects = FetchMachine(), ()
    for text in vector.headers["events"].split(", "):
        effects = machine.step(_event(text))
    named = ", ".join(_named(effect) for effect in effects)
    return {"state": machine.state.name, "effects": named or "nothing"}


def read_from_browser(vector):
    asked = read_browser(
        _filled(vector, "bytes"),
        own=NodeId(bytes.fromhex(vector.headers["own"])),
        now=int(vector.headers["now"]),
    )
    return {"link": asked.link, "act": asked.act.value}


def read_handed_over(vector):
    handing = read_handing(_filled(vector, "body"), **_own(vector))
    return {"sender": handing.sender.node_id.hex(), "offer": handing.offer.hex()}


def read_answer_to_offer(vector):
    does = read_handed(
        vector.parts["body"],
        status=int(vector.headers["status"]),
        request=request_hash(vector.parts["request"]),
        offer=vector.parts["offer"],
        recipient=Did(vector.headers["recipient"]),
    )
    return {"does": does.value}


def read_polling(vector):
    poll = read_poll(_filled(vector, "body"), **_own(vector))
    return {
        "hash": poll.hash.hex(),
        "sender": poll.sender.node_id.hex(),
        "name": poll.card.name,
    }


def read_errands(vector):
    polled = read_polled(
        _filled(vector, "body"),
        status=int(vector.headers["status"]),
        request=request_hash(vector.parts["request"]),
        peer=Did(vector.headers["peer"]),
        poll_key=PrivateKey(vector.parts["poll-key"]),
    )
    return {
        "paths": " ".join(one.path for one in polled.errands),
        "more": str(polled.more),
    }


def read_hello(vector):
    greeting = read_greeting(_filled(vector, "body"), **_own(vector))
    return {
        "sender": greeting.document.identity.node_id.hex(),
        "name": greeting.document.card.name,
        "seen": str(greeting.seen.size if greeting.seen else 0),
    }


def read_hello_back(vector):
    greeted = read_greeted(
        _filled(vector, "body"),
        status=int(vector.headers["status"]),
        request=request_hash(vector.parts["request"]),
        peer=read_identity([vector.parts["peer"]]),
        now=int(vector.headers["now"]),
    )
    return {
        "seen": str(greeted.seen.size if greeted.seen else 0),
        "proof": "none" if greeted.proof is None else str(len(greeted.proof)),
    }


READERS = {
    "box": read_box,
    "box-seal": seal_box,
    "request": read_fetch_request,
    "answer": read_fetch_answer,
    "manifest": read_manifest,
    "receipt": read_sealed_receipt,
    "acknowledgement": read_acknowledged,
    "offer": read_offered,
    "recall": read_recall_request,
    "memory": read_recalled,
    "unlock": read_unlock_request,
    "unlocked": read_unlock_answer,
    "browser": read_from_browser,
    "notice": read_told,
    "noticed": read_acknowledged_notice,
    "handing": read_handed_over,
    "handed": read_answer_to_offer,
    "poll": read_polling,
    "polled": read_errands,
    "greeting": read_hello,
    "greeted": read_hello_back,
    "fetch": drive_fetch,
}
