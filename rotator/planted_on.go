//go:build planted

package rotator

import "os"

// planted reports whether the environment asks for this bug.
func planted(p plant) bool { return os.Getenv("KEYROTATOR_PLANT") == string(p) }
