package awsemu

type report struct{}
