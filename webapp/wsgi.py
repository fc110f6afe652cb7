"""The application object for WSGI servers: `webapp.wsgi:app`."""

from webapp import config, create_app, logs

_settings = config.load()
logs.configure(_settings)
app = create_app(_settings)
