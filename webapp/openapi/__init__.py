"""The API as an OpenAPI 3.1 document: one Operation for each endpoint, by family.

An Operation adds JSON Schema to what the reference (webapp/reference) says in words; the bounds in it are the constants
by which webapp/api reads bodies. A route of the machine door without one fails tests/test_openapi.py.
"""

from webapp.openapi.document import FAMILIES, OPERATIONS, braced, document, id_of, id_of_path, path_of, text
from webapp.openapi.shapes import Operation

__all__ = ["FAMILIES", "OPERATIONS", "Operation", "braced", "document", "id_of", "id_of_path", "path_of", "text"]
