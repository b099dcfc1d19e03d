package main

import (
	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/kubernetes"
	"github.com/keyrotator/keyrotator/store/kubernetes/apiserver"
)

func kubernetesStore(user rotator.User, k *config.Kubernetes) (store.Store, error) {
	o := kubernetes.Options{
		Cluster: clusterOf(k.Cluster), Namespace: k.Namespace, Secret: k.Secret,
		Owner: user.String(), Adopt: k.Adopt, Create: k.Create,
	}
	var err error
	if k.Key != "" {
		o.Key = k.Key
		o.Payload, err = payloadOf(k.Format, k.Profile, k.Shape)
	} else {
		o.Variables, err = store.NewVariables(store.Names{
			KeyID: k.Fields.KeyID, Secret: k.Fields.Secret,
			SMTPUser: k.Fields.SMTPUser, SMTPPassword: k.Fields.SMTPPassword, SMTPRegion: k.SESRegion,
		})
	}
	if err != nil {
		return nil, err
	}
	return kubernetes.New(o)
}

func clusterOf(k config.Cluster) apiserver.Cluster {
	return apiserver.Cluster{Kubeconfig: k.Kubeconfig, Context: k.Context}
}
