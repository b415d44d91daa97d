package orchestrator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// ContentDigest names what is applied of a workload or a manifest: a digest under the key, since secrets may be in it.
func ContentDigest(key, data []byte) string {
	h := hmac.New(sha256.New, key)
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))
}
