"""The systems that Countersign is compared with, each as its own documentation recommends."""
