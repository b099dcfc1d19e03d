package rollout

import (
	"slices"

	core "k8s.io/api/core/v1"
)

// uses reports whether pods read the Secret: as a volume, a part of a projected
// one, or an environment, in an init container as well. A pod that only pulls
// its image with the Secret does not read it.
func uses(pod core.PodSpec, secret string) bool {
	return slices.ContainsFunc(pod.Volumes, func(v core.Volume) bool { return mounts(v, secret) }) ||
		slices.ContainsFunc(pod.Containers, func(c core.Container) bool { return reads(c, secret) }) ||
		slices.ContainsFunc(pod.InitContainers, func(c core.Container) bool { return reads(c, secret) })
}

func mounts(v core.Volume, secret string) bool {
	if v.Secret != nil {
		return v.Secret.SecretName == secret
	}
	return v.Projected != nil && slices.ContainsFunc(v.Projected.Sources, func(p core.VolumeProjection) bool {
		return p.Secret != nil && p.Secret.Name == secret
	})
}

func reads(c core.Container, secret string) bool {
	return slices.ContainsFunc(c.EnvFrom, func(e core.EnvFromSource) bool { return e.SecretRef != nil && e.SecretRef.Name == secret }) ||
		slices.ContainsFunc(c.Env, func(e core.EnvVar) bool {
			return e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil && e.ValueFrom.SecretKeyRef.Name == secret
		})
}
