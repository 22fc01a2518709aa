import Descriptors
import Tensors
import ViT

/// An index of photos' embeddings.
struct IndexKind: Kind {
    let name = "embeddings"
    let fileName = "index.json"
    let seeds: [[UInt8]]

    init() throws {
        let index = try EmbeddingIndex(
            of: (0..<3).map { Fixtures.photo($0) }, names: ["a", "b/c.png", "d"],
            using: Extractor(Fixtures.model), view: CentreView(loadSize: 12, cropSize: 8))
        seeds = [try Fixtures.written { try index.write(to: $0) }]
    }

    func restructured(_ bytes: [UInt8], using random: inout Xoshiro256) -> [UInt8]? {
        JSONText.mutated(bytes, using: &random)
    }

    /// An error of extraction with the file's name, as a program would print it.
    private struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    func use(_ path: String) throws {
        let index = try EmbeddingIndex(contentsOf: path)
        let found: [(name: String, similarity: Float)]
        do {
            found = try index.nearest(
                to: Fixtures.photo(1), count: 2, using: Extractor(Fixtures.model))
        } catch {
            throw Refusal(description: "\(path): \(error)")
        }
        precondition(found.count == min(2, index.names.count), "\(found.count) found")
    }
}
