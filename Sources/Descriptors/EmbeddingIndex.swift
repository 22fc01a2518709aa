import Foundation
import Platform
import Tensors

/// Embeddings of pictures with their names, to be searched by similarity.
///
/// ```swift
/// let extractor = Extractor(try VisionTransformer.bundled())
/// let index = EmbeddingIndex(names: paths, embeddings: try extractor.embeddings(of: photos))
/// for match in index.nearest(to: try extractor.embedding(of: query), count: 5) {
///     print(match.name, match.similarity)
/// }
/// try JSONEncoder().encode(index).write(to: URL(filePath: "index.json"))
/// ```
public struct EmbeddingIndex: Equatable, Sendable {
    /// The pictures' names, in the order of the rows of `vectors`.
    public private(set) var names: [String]
    /// The embeddings, each of length 1: `[names, width]`.
    public private(set) var vectors: Tensor

    /// Makes an index.
    ///
    /// - Parameters:
    ///   - names: what results are called by, such as paths.
    ///   - embeddings: `[names, width]`, of any length.
    /// - Precondition: there is an embedding for each name.
    public init(names: [String], embeddings: Tensor) {
        require(
            embeddings.shape.rank == 2 && embeddings.shape[0] == names.count,
            "EmbeddingIndex: \(names.count) names with embeddings \(embeddings.shape)")
        self.names = names
        vectors = embeddings.normalizedRows()
    }

    /// The pictures most similar to an embedding by the cosine, most similar first.
    ///
    /// - Parameters:
    ///   - embedding: `[width]`.
    ///   - count: how many pictures; all if there are fewer.
    /// - Precondition: the embedding has the width of the index's.
    /// - Complexity: O(names * (width + count)).
    public func nearest(
        to embedding: Tensor, count: Int
    ) -> [(name: String, similarity: Float)] {
        require(
            embedding.count == vectors.shape[1],
            "nearest: an embedding \(embedding.shape) in an index \(vectors.shape)")
        let count = min(count, names.count)
        guard count > 0 else { return [] }
        let query = embedding.reshaped(to: [1, embedding.count]).normalizedRows()
        return query.product(transposed: vectors).topK(count)[0].map { (names[$0.index], $0.value) }
    }
}

/// The vectors are stored as the bytes of their elements, float32 little-endian, which JSON takes as base64: exact, and a
/// third of the size of decimals.
extension EmbeddingIndex: Codable {
    private enum CodingKeys: String, CodingKey {
        case names, width, vectors
    }

    /// Encodes the names and the vectors.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(names, forKey: .names)
        try container.encode(vectors.shape[1], forKey: .width)
        let bytes = vectors.elements.flatMap { element in
            withUnsafeBytes(of: element.bitPattern.littleEndian) { Array($0) }
        }
        try container.encode(Data(bytes), forKey: .vectors)
    }

    /// Decodes an index.
    ///
    /// - Throws: `DecodingError`, also if there are more or fewer numbers than names and width say, or one is not finite.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let names = try container.decode([String].self, forKey: .names)
        let width = try container.decode(Int.self, forKey: .width)
        let bytes = [UInt8](try container.decode(Data.self, forKey: .vectors))
        let (count, overflow) = names.count.multipliedReportingOverflow(by: max(width, 0))
        guard width > 0, !overflow, bytes.count % 4 == 0, bytes.count / 4 == count else {
            throw DecodingError.dataCorruptedError(
                forKey: .vectors, in: container,
                debugDescription:
                    "\(bytes.count) bytes of vectors for \(names.count) names of width \(width)")
        }
        let elements = stride(from: 0, to: bytes.count, by: 4).map { start in
            Float(
                bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << (8 * $1) }
            )
        }
        guard elements.allSatisfy(\.isFinite) else {
            throw DecodingError.dataCorruptedError(
                forKey: .vectors, in: container, debugDescription: "vectors that are not finite")
        }
        self.names = names
        vectors = Tensor(elements, shape: [names.count, width])
    }
}
