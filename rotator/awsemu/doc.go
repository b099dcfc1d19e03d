// Package awsemu is an AWS to test against: the parts of IAM, STS, Secrets Manager and SSM that rotating keys needs,
// over the real wire formats, with real signature checks, AWS's delays and a fault script.
package awsemu
