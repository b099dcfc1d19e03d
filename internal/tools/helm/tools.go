//go:build tools

// Package helm keeps the module of the Prometheus operator's types required:
// controller-gen makes of them what an API server checks monitors and rules by.
package helm

import _ "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
