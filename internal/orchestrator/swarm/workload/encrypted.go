package workload

import (
	"fmt"
	"strings"

	"github.com/clusterform/clusterform/internal/orchestrator"
	stack "github.com/clusterform/clusterform/internal/orchestrator/swarm"
	"github.com/clusterform/clusterform/internal/orchestrator/swarm/client"
)

// canEncrypt refuses an encrypted network among nodes that cannot encrypt: Docker makes it all the same, and what is sent over
// it is lost or goes as it is.
func canEncrypt(r *stack.Release, members []orchestrator.Member) error {
	if !r.Encrypted() {
		return nil
	}
	list := client.WithoutESP(members)
	if len(list) == 0 {
		return nil
	}
	return fmt.Errorf("network.overlay.encrypted: the kernel of %s (%s) has no IPsec, so nothing that is sent between nodes would arrive encrypted. Take a machine image whose kernel has ESP (esp4), or leave encrypted out",
		nodes(len(list)), strings.Join(list[:min(len(list), 3)], ", "))
}

// sameEncryption refuses a network that is there and is not what is asked for: networks do not change.
func sameEncryption(r *stack.Release, name string, encrypted bool) error {
	switch {
	case encrypted == r.Encrypted():
		return nil
	case encrypted:
		return fmt.Errorf("the network %s is encrypted, and a network does not change. To have another one, remove the workloads of the namespace %s, apply, and put them back; or write network { overlay { encrypted = true } }", name, r.Stack)
	default:
		return fmt.Errorf("the network %s is not encrypted, as network.overlay.encrypted asks, and a network does not change. To have another one, remove the workloads of the namespace %s, apply, and put them back", name, r.Stack)
	}
}
