"""`python -m training VERB ...`."""

import sys

from .cli import main

sys.exit(main())
