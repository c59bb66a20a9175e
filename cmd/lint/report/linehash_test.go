package report

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The hashes are those that GitHub's own code gives.
func TestLineHashes(t *testing.T) {
	lines := []string{
		"e9496ae3ebfced30:1", "fb7c023a8b9ccb3f:1", "ce8ba1a563dcdaca:1", "e20e36e16fcb0cc8:1", "b3edc88f2938467e:1", "c8e28b0b4002a3a0:1", "c129715d7a2bc9a3:1",
	}
	same := "a7f2ff13bc495cf2:"
	for text, want := range map[string][]string{
		"":                   {"c129715d7a2bc9a3:1"},
		" a\nb\n  \t\tc\n d": {"271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"},
		" hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End\n":             lines,
		" hello; \t\nworld!!!\r\r\r  \t\tGreetings\r End\r":             lines,
		" hello; \t\r\nworld!!!\r\n\r\n\r\n  \t\tGreetings\r\n End\r\n": lines,
		strings.Repeat("Lorem ipsum dolor sit amet.\n", 10): {
			same + "1", same + "2", same + "3", same + "4", same + "5", same + "6",
			"a7f2ff1481e87703:1", "a9cf91f7bbf1862b:1", "55ec222b86bcae53:1", "cc97dc7b1d7d8f7b:1", "c129715d7a2bc9a3:1",
		},
	} {
		require.Equal(t, want, lineHashes([]byte(text)), "%q", text)
	}
}

func TestBytesBefore(t *testing.T) {
	for column, want := range []int{0, 0, 1, 3, 7, 8, 9} {
		if column > 0 {
			require.Equal(t, want, bytesBefore("aé𐐀b", column), column)
		}
	}
}

func TestURI(t *testing.T) {
	for path, want := range map[string]string{
		"a/b.yaml": "a/b.yaml", "a b/ü.yaml": "a%20b/%C3%BC.yaml", "a:b.yaml": "a%3Ab.yaml", "<stdin>": "%3Cstdin%3E",
		"100%.yaml": "100%25.yaml", "/tmp/x.yaml": "file:///tmp/x.yaml",
	} {
		require.Equal(t, want, uri(path))
	}
}
