"""The console: a page for people on the admin port, and the JSON API behind it.

`api` has the routes of /api/v1, `pages` the pages, `access` who may do what. What asks Kafka, Redis or the
vendor is `operations`, run in a helper process (`helper`, started by `helper_client`), so that nobody who
looks takes time from deliveries.
"""
