"""`python -m chainrule.parameter_server`: started by the service, once for each running job."""

from chainrule.parameter_server.process import main

main()
