package config

import "reflect"

// notYet lists the keys of a section that later releases have, or will have.
// They are told apart from misspelt ones, so that a configuration written for a
// newer release says what is the matter.
func notYet(t reflect.Type) []string {
	switch t {
	case reflect.TypeFor[Config]():
		return []string{"cluster", "discovery", "notifications", "organization", "passwords", "recovery", "waves"}
	case reflect.TypeFor[Sealing]():
		return []string{"kms"}
	}
	return nil
}
