import Platform

/// What tells one folder of pictures from another: their number, and a hash of their names in order.
struct PictureFingerprint: Hashable, Codable {
    let count: Int
    let hash: String

    init(_ names: some Collection<String>) {
        count = names.count
        var hash = FNV1a()
        for name in names {
            hash.add(name.utf8)
            // A byte that is in no name ends each.
            hash.add(CollectionOfOne(0))
        }
        self.hash = String(hash.value, radix: 16)
    }
}
