//go:build !race

package main

// raceDetector tells that this test binary runs several times slower.
const raceDetector = false
