#!/bin/sh
# To be called when a coding agent's session ends. Standard input: the event as JSON, or nothing.
exec spore hook session-end "$@"
