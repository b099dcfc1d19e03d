//go:build planted

package iamkeys

import "os"

// plant names a planted bug as package rotator does.
type plant string

const plantRetryCreate plant = "retry-create"

// retriesCreate reports whether the environment asks for this bug.
func retriesCreate() bool { return os.Getenv("KEYROTATOR_PLANT") == string(plantRetryCreate) }
