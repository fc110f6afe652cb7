"""The application object for WSGI servers: `webapp.wsgi:app`."""

from webapp import create_app

app = create_app()
