"""What a user holds: `Client` for Python, and the command line."""

from chainrule.client.client import Client
from chainrule.client.predictions import Predictions

__all__ = ["Client", "Predictions"]
