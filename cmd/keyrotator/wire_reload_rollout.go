package main

import (
	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/store/reload/rollout"
)

// rolloutReload makes a rollout of its configuration, which is complete.
func rolloutReload(r *config.Rollout) (*rollout.Rollout, error) {
	return rollout.New(rollout.Options{
		Cluster: clusterOf(r.Cluster), Namespace: r.Namespace, Workloads: r.Workloads, Secret: r.Secret(),
	})
}
