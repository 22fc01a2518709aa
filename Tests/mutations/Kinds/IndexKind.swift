import Descriptors
import Foundation
import Tensors
import ViT

/// An index of photos' embeddings.
struct IndexKind: Kind {
    let name = "index"
    let fileName = "index.json"
    let seeds: [[UInt8]]

    init() throws {
        let index = try EmbeddingIndex(
            of: (0..<3).map { Fixtures.photo($0) }, names: ["a", "b/c.png", "d"],
            using: Extractor(Fixtures.model), view: CentreView(loadSize: 12, cropSize: 8))
        seeds = [Array(try JSONEncoder().encode(index))]
    }

    func restructured(_ bytes: [UInt8], using random: inout Xoshiro256) -> [UInt8]? {
        guard var text = JSONText(bytes) else { return nil }
        text.mutate(using: &random)
        return text.bytes
    }

    func use(_ path: String) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        let index = try JSONDecoder().decode(EmbeddingIndex.self, from: data)
        let found = try index.nearest(
            to: Fixtures.photo(1), count: 2, using: Extractor(Fixtures.model))
        precondition(found.count == min(2, index.names.count), "\(found.count) found")
    }
}
