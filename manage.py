#!/usr/bin/env python
"""Django's command line for Countersign."""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - older ones must read this far
    sys.exit(
        "Countersign can't start: it needs Python 3.11 or later, and this is %s." % sys.version.split()[0]  # noqa: UP031
    )


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if sys.argv[1:2] == ["up"]:
        # What `up` is told decides settings, so it is read before they are.
        from config.embedded.options import export

        export(sys.argv[2:])
    from django.core.management import execute_from_command_line

    from tools.errors import InvalidTool

    try:
        execute_from_command_line(sys.argv)
    except InvalidTool as mistake:
        sys.exit(f"Countersign can't start: {mistake}")


if __name__ == "__main__":
    main()
