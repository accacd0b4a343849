package api

import _ "embed"

//go:embed openapi.yml
var openAPI []byte
