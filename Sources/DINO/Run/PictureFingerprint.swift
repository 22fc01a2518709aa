import Platform

/// Identifies a folder of pictures by their number and a hash of their names in order.
struct PictureFingerprint: Hashable, Codable {
    let count: Int
    let hash: String

    init(_ names: some Collection<String>) {
        count = names.count
        var hash = FNV1a()
        for name in names {
            hash.add(name.utf8)
            // Terminates each name with a byte that no name contains.
            hash.add(CollectionOfOne(0))
        }
        self.hash = String(hash.value, radix: 16)
    }
}
