"""A desk whose tools all act on the ledger service, which counts what reached it: COUNTERSIGN_APPS=chaos.desk."""
