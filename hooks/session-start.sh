#!/bin/sh
# To be called when a coding agent's session begins; what it prints is for the agent's context. Standard input: the event as JSON, or nothing.
exec spore hook session-start "$@"
