"""`python -m chainrule.worker`: the launcher, started once by the service."""

from chainrule.worker.launcher import main

main()
