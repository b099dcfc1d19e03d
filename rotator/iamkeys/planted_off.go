//go:build !planted

package iamkeys

// retriesCreate is a bug planted on purpose in the test build that proves that
// the tests find it (make mutants): the SDK's own retryer for a create.
func retriesCreate() bool { return false }
