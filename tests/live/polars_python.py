"""What Polars Cloud's Python client does, as one line of JSON at the end of its output:

    header    the Authorization header that it would send, from wherever it finds its credentials
    login     logs in; what it prints for the user comes before
"""

import json
import sys

import polars_cloud
from polars_cloud.constants import API_CLIENT

jobs = {
    "header": API_CLIENT.get_auth_header,
    "login": polars_cloud.login,
}
try:
    answer = {"ok": jobs[sys.argv[1]]()}
except Exception as error:  # whatever it raises
    answer = {"error": type(error).__name__, "message": str(error)}
print(json.dumps(answer))
