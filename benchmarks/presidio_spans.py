"""What Presidio's pattern recognisers find in texts; runs in an environment of its own (`bench_personal_data`).

    python presidio_spans.py < texts.json > found.json

Reads a JSON list of texts, writes `{"spans": [[kind, start, stop, score] …] per text, "seconds": CPU seconds}`. No
model and no words around a match: each recogniser is asked alone, as Presidio asks it before it looks at the context.
"""

import json
import sys
import time

import tldextract
from presidio_analyzer.predefined_recognizers import (
    CreditCardRecognizer,
    CryptoRecognizer,
    EmailRecognizer,
    IbanRecognizer,
    IpRecognizer,
    PhoneRecognizer,
    UsSsnRecognizer,
)

RECOGNISERS = {
    "email": EmailRecognizer(),
    "phone": PhoneRecognizer(),
    "ip": IpRecognizer(),
    "card": CreditCardRecognizer(),
    "iban": IbanRecognizer(),
    "national_id": UsSsnRecognizer(),
    "crypto": CryptoRecognizer(),
}


def found(text: str) -> list[tuple[str, int, int, float]]:
    """Kind, start, stop and score of everything that a recogniser returns."""
    return [
        (kind, result.start, result.end, result.score)
        for kind, recogniser in RECOGNISERS.items()
        for result in recogniser.analyze(text, recogniser.supported_entities, None) or ()
    ]


def main() -> None:
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())  # its own list, no look-up
    texts = json.load(sys.stdin)
    found("warm up: jo@firma.de, +41 44 668 18 00")
    start = time.process_time()
    spans = [found(text) for text in texts]
    json.dump({"spans": spans, "seconds": time.process_time() - start}, sys.stdout)


if __name__ == "__main__":
    main()
