package awsemu

type parameter struct{}
