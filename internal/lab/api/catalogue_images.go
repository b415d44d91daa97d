package api

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"time"
)

// image is a public machine image.
type image struct {
	ID, Name, Description, Owner, OwnerAlias string
	Arch, Root                               string // root device name
	System                                   string // as Machine has it
	Snapshot                                 string
	SizeGiB                                  int64
	Created                                  time.Time
	Params                                   []string // public SSM parameters that name it
}

// imageCatalogue gives the public images of a region. Their ids follow from region and name, as AWS's differ by region.
func imageCatalogue(region string) []image {
	const debian, canonical, amazon, lab = "136693071363", "099720109477", "137112412989", "000000000000"
	list := []image{
		{Name: "lab-debian-12-amd64", System: "debian-12", Description: "The lab's Debian 12", Owner: lab, Arch: "x86_64", Root: "/dev/xvda", SizeGiB: 8,
			Params: []string{"/aws/service/lab/debian/12/latest/amd64"}},
		{Name: "debian-12-amd64-20251112-2294", System: "debian-12", Description: "Debian 12 (20251112-2294)", Owner: debian, Arch: "x86_64", Root: "/dev/xvda", SizeGiB: 8,
			Params: []string{"/aws/service/debian/release/12/latest/amd64"}},
		{Name: "debian-12-arm64-20251112-2294", System: "debian-12", Description: "Debian 12 (20251112-2294)", Owner: debian, Arch: "arm64", Root: "/dev/xvda", SizeGiB: 8,
			Params: []string{"/aws/service/debian/release/12/latest/arm64"}},
		{Name: "debian-13-amd64-20251117-2299", System: "debian-13", Description: "Debian 13 (20251117-2299)", Owner: debian, Arch: "x86_64", Root: "/dev/xvda", SizeGiB: 8,
			Params: []string{"/aws/service/debian/release/13/latest/amd64"}},
		{Name: "debian-13-arm64-20251117-2299", System: "debian-13", Description: "Debian 13 (20251117-2299)", Owner: debian, Arch: "arm64", Root: "/dev/xvda", SizeGiB: 8,
			Params: []string{"/aws/service/debian/release/13/latest/arm64"}},
		{Name: "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20251022", System: "ubuntu-22.04", Description: "Canonical, Ubuntu, 22.04, amd64 jammy image", Owner: canonical, Arch: "x86_64", Root: "/dev/sda1", SizeGiB: 8,
			Params: ubuntuParams("22.04", "amd64", "ebs-gp2")},
		{Name: "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20251022", System: "ubuntu-24.04", Description: "Canonical, Ubuntu, 24.04, amd64 noble image", Owner: canonical, Arch: "x86_64", Root: "/dev/sda1", SizeGiB: 8,
			Params: ubuntuParams("24.04", "amd64", "ebs-gp3")},
		{Name: "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server-20251022", System: "ubuntu-24.04", Description: "Canonical, Ubuntu, 24.04, arm64 noble image", Owner: canonical, Arch: "arm64", Root: "/dev/sda1", SizeGiB: 8,
			Params: ubuntuParams("24.04", "arm64", "ebs-gp3")},
		{Name: "al2023-ami-2023.9.20251110.1-kernel-6.1-x86_64", System: "amazon-linux-2023", Description: "Amazon Linux 2023 AMI 2023.9.20251110.1 x86_64 HVM kernel-6.1", Owner: amazon, OwnerAlias: "amazon", Arch: "x86_64", Root: "/dev/xvda", SizeGiB: 8,
			Params: []string{"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64", "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-x86_64"}},
		{Name: "al2023-ami-2023.9.20251110.1-kernel-6.1-arm64", System: "amazon-linux-2023", Description: "Amazon Linux 2023 AMI 2023.9.20251110.1 arm64 HVM kernel-6.1", Owner: amazon, OwnerAlias: "amazon", Arch: "arm64", Root: "/dev/xvda", SizeGiB: 8,
			Params: []string{"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"}},
		{Name: "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-arm64-server-20251022", System: "ubuntu-22.04", Description: "Canonical, Ubuntu, 22.04, arm64 jammy image", Owner: canonical, Arch: "arm64", Root: "/dev/sda1", SizeGiB: 8,
			Params: ubuntuParams("22.04", "arm64", "ebs-gp2")},
	}
	for i := range list {
		sum := sha256.Sum256([]byte(region + list[i].Name))
		list[i].ID = fmt.Sprintf("ami-0%x", sum[:8])
		list[i].Snapshot = fmt.Sprintf("snap-0%x", sum[8:16])
		list[i].Created = time.Date(2025, 11, 1+i, 4, 0, 0, 0, time.UTC)
	}
	return list
}

func ubuntuParams(release, arch, disk string) []string {
	base := "/aws/service/canonical/ubuntu/server/" + release + "/stable/current/" + arch + "/hvm/" + disk + "/ami-id"
	return []string{base}
}

// image finds an image. Any well-formed id that is not in the catalogue is unknown.
func (s *Server) image(id string) (image, error) {
	for _, im := range s.images {
		if im.ID == id {
			return im, nil
		}
	}
	if !strings.HasPrefix(id, "ami-") || imageID.check(id) != nil {
		return image{}, fail("InvalidAMIID.Malformed", "Invalid id: \"%s\" (expecting \"ami-...\")", id)
	}
	return image{}, fail("InvalidAMIID.NotFound", "The image id '[%s]' does not exist", id)
}
