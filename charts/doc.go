// Package charts has the tests of the Helm chart keyrotator, which lies beside
// it, and no program. They render the chart with Helm itself, hold what comes of
// it against Kubernetes' published API, and give the configuration in it to the
// program that is to read it.
//
// Two files of the chart are generated: the definitions of the configuration in
// values.schema.json, from package config, and README.md, from values.yaml.
package charts

//go:generate go test -run "TestTheSchemaOfTheConfigurationIsFresh|TestTheReadmeIsFresh" . -update
