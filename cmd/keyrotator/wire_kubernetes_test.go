package main

import (
	"testing"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
)

// A Secret is written, read back and located as the configuration says; what
// the cluster makes of it is tested where the store is.
func TestASecretInAClusterIsWhatTheConfigurationSays(t *testing.T) {
	user := rotator.User{Account: "prod", Name: "ci"}
	in := config.Kubernetes{Namespace: "ci", Secret: "aws"}
	keys, mail, document := in, in, in
	keys.Fields = config.Fields{KeyID: "ID", Secret: "SECRET"}
	mail.Fields, mail.SESRegion = config.Fields{SMTPUser: "USER", SMTPPassword: "PASSWORD"}, "eu-west-1"
	document.Key, document.Format, document.Fields = "aws.json", config.FormatJSON, keys.Fields
	document.Kubeconfig, document.Context = "/k", "west"
	unknown := document
	unknown.Format = "xml"
	for _, x := range []struct {
		name     string
		k        config.Kubernetes
		readable bool
		location string
	}{
		{"keys", keys, true, "kubernetes:ci/aws"},
		{"SES", mail, false, "kubernetes:ci/aws"},
		{"a document in another cluster", document, true, "kubernetes:ci/aws@/k#west"},
	} {
		made, err := kubernetesStore(user, &x.k)
		if err != nil {
			t.Fatalf("%s: %v", x.name, err)
		}
		if _, readable := made.(store.Reader); readable != x.readable || made.Describe().String() != x.location {
			t.Errorf("%s: readable %t, %s", x.name, readable, made.Describe())
		}
		// The configuration refuses two stores of one place by this name.
		if got := (config.Store{Kubernetes: &x.k}).Location(); got != x.location {
			t.Errorf("%s: the configuration calls it %s", x.name, got)
		}
	}
	if _, err := kubernetesStore(user, &unknown); err == nil {
		t.Error("a format that nobody makes is accepted")
	}
}

func TestARolloutIsWhatTheConfigurationSays(t *testing.T) {
	r, err := rolloutReload(&config.Rollout{
		Workloads: []string{"deployment/runner"}, Namespace: "ci", Cluster: config.Cluster{Kubeconfig: "/k", Context: "west"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Describe(); got != "rollout:ci/deployment/runner@/k#west" {
		t.Errorf("describe = %q", got)
	}
	if _, err := rolloutReload(&config.Rollout{Namespace: "ci"}); err == nil {
		t.Error("a rollout of nothing is accepted")
	}
}
