"""The server under a database: the embedded one, and what libpq and a role bring along or lack."""
