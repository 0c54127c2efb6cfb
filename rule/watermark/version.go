package watermark

import (
	"cmp"
	"fmt"
)

// Version is the protocol version of a network, as its chainspec has it. A network that took blocks
// back has a higher one than it had before. The zero value is that of a reset which does not say.
type Version struct{ Major, Minor, Patch uint32 }

// ParseVersion reads three numbers with dots between them, 2.0.5 say.
func ParseVersion(s string) (v Version, err error) {
	_, err = fmt.Sscanf(s, "%d.%d.%d", &v.Major, &v.Minor, &v.Patch)
	if err != nil || v.String() != s || v == (Version{}) {
		return Version{}, fmt.Errorf("%q is no protocol version: want three numbers, as 2.0.5", s)
	}
	return v, nil
}

// String is the inverse of ParseVersion.
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// Above reports whether the version comes after the other one.
func (v Version) Above(o Version) bool {
	return cmp.Or(cmp.Compare(v.Major, o.Major), cmp.Compare(v.Minor, o.Minor), cmp.Compare(v.Patch, o.Patch)) > 0
}
