package api

import (
	"slices"
	"strings"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

func (im *image) render() ec2.Image {
	return ec2.Image{
		ImageId: im.ID, Name: im.Name, Description: im.Description, OwnerId: im.Owner, ImageOwnerAlias: im.OwnerAlias, Architecture: im.Arch,
		ImageLocation: im.owner() + "/" + im.Name, ImageType: "machine", Public: new(true), State: "available", RootDeviceName: im.Root, RootDeviceType: "ebs",
		VirtualizationType: "hvm", Hypervisor: "xen", EnaSupport: new(true), SriovNetSupport: "simple", PlatformDetails: "Linux/UNIX", UsageOperation: "RunInstances",
		CreationDate: im.Created.UTC().Format("2006-01-02T15:04:05.000Z"), BootMode: "uefi-preferred",
		BlockDeviceMappings: []ec2.BlockDeviceMapping{{DeviceName: im.Root, Ebs: &ec2.EbsBlockDevice{
			SnapshotId: im.Snapshot, VolumeSize: new(im.SizeGiB), VolumeType: "gp3", DeleteOnTermination: new(true), Encrypted: new(false),
		}}},
	}
}

func (im *image) owner() string {
	if im.OwnerAlias != "" {
		return im.OwnerAlias
	}
	return im.Owner
}

func (c *call) describeImages(in *ec2.DescribeImagesRequest) (any, error) {
	str := func(f func(im *image) string) func(*image, func(string) bool) bool {
		return func(im *image, is func(string) bool) bool { v := f(im); return v != "" && is(v) }
	}
	fixed := func(v string) func(*image, func(string) bool) bool { return str(func(*image) string { return v }) }
	m, err := compile(c.s, in.Filters, filterSet[image]{
		"image-id": str(func(im *image) string { return im.ID }), "name": str(func(im *image) string { return im.Name }),
		"description": str(func(im *image) string { return im.Description }), "architecture": str(func(im *image) string { return im.Arch }),
		"owner-id": str(func(im *image) string { return im.Owner }), "owner-alias": str(func(im *image) string { return im.OwnerAlias }),
		"root-device-name": str(func(im *image) string { return im.Root }), "root-device-type": fixed("ebs"), "state": fixed("available"),
		"virtualization-type": fixed("hvm"), "image-type": fixed("machine"), "is-public": fixed("true"), "hypervisor": fixed("xen"), "ena-support": fixed("true"),
		"block-device-mapping.volume-type": fixed("gp3"), "platform-details": fixed("Linux/UNIX"),
		"creation-date": str(func(im *image) string { return im.Created.UTC().Format("2006-01-02T15:04:05.000Z") }),
	}, func(im *image) string { return im.ID })
	if err != nil {
		return nil, err
	}
	for _, id := range in.ImageIds {
		if _, err := c.image(id); err != nil {
			return nil, err
		}
	}
	var rows []image
	for _, im := range c.images {
		owned := len(in.Owners) == 0 || slices.ContainsFunc(in.Owners, func(o string) bool {
			return o == im.Owner || o == im.OwnerAlias && o != "" || o == "self" && im.Owner == c.opt.AccountID
		})
		if owned && m.match(&im) && (len(in.ImageIds) == 0 || slices.Contains(in.ImageIds, im.ID)) {
			rows = append(rows, im)
		}
	}
	rows, next, err := pageSlice(rows, listing[image]{kind: imageID, ids: in.ImageIds, filters: in.Filters, max: in.MaxResults, maxMin: 1, token: in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeImagesResult{Images: make([]ec2.Image, 0, len(rows)), NextToken: next}
	for i := range rows {
		out.Images = append(out.Images, rows[i].render())
	}
	slices.SortFunc(out.Images, func(a, b ec2.Image) int { return strings.Compare(a.ImageId, b.ImageId) })
	return out, nil
}
