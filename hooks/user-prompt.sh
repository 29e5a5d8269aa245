#!/bin/sh
# To be called when a coding agent's session is given a prompt. Standard input: the event as JSON, or nothing.
exec spore hook user-prompt "$@"
