"""`python -m chainrule.server`: the command `chainrule`."""

import sys

from chainrule.server.main import main

sys.exit(main())
