import Foundation
import Images
import Platform
import Tensors
import ViT

/// Embeddings of pictures with their names, to be searched by similarity.
///
/// ```swift
/// let extractor = Extractor(try VisionTransformer.bundled())
/// let index = try EmbeddingIndex(of: photos, names: paths, using: extractor)
/// for match in try index.nearest(to: query, count: 5, using: extractor) {
///     print(match.name, match.similarity)
/// }
/// try index.write(to: "index.json")
/// ```
public struct EmbeddingIndex: Equatable, Sendable {
    /// The pictures' names, in the order of the rows of `vectors`.
    public let names: [String]
    /// The embeddings, each of length 1: `[names, width]`.
    public let vectors: Tensor
    /// The `fingerprint` of the network that computed the embeddings; nil if unknown.
    public let network: String?
    /// The part of each photo that was embedded.
    public let view: CentreView

    /// Computes the embeddings of photos and makes an index of them.
    ///
    /// - Parameters:
    ///   - photos: the photos, of any sizes.
    ///   - names: the names that results have, such as paths; one for each photo.
    ///   - extractor: the network.
    ///   - view: the part of each photo that is embedded.
    /// - Throws: `ExtractionError`.
    /// - Precondition: there is a name for each photo.
    /// - Complexity: a pass through the network for each photo.
    public init(
        of photos: [Image], names: [String], using extractor: Extractor,
        view: CentreView = CentreView()
    ) throws(ExtractionError) {
        require(
            names.count == photos.count,
            "EmbeddingIndex: \(names.count) names for \(photos.count) photos")
        self.names = names
        vectors = try extractor.embeddings(of: photos, view: view).normalizedRows()
        network = extractor.model.fingerprint
        self.view = view
    }

    /// Makes an index of embeddings that were computed elsewhere.
    ///
    /// - Parameters:
    ///   - names: the names that results have, such as paths.
    ///   - embeddings: `[names, width]`, of any length.
    /// - Precondition: there is an embedding for each name, and all are finite.
    public init(names: [String], embeddings: Tensor) {
        require(
            embeddings.shape.rank == 2 && embeddings.shape[0] == names.count
                && embeddings.shape[1] > 0 && embeddings.isFinite,
            "EmbeddingIndex: \(names.count) names with embeddings \(embeddings.shape)")
        self.names = names
        vectors = embeddings.normalizedRows()
        network = nil
        view = CentreView()
    }

    /// The pictures most similar to a photo by the cosine of their embeddings, most similar first.
    ///
    /// - Parameters:
    ///   - photo: the photo, of any size.
    ///   - count: how many pictures; all if there are fewer.
    ///   - extractor: the network that the index was made by.
    /// - Throws: `ExtractionError`; `networkMismatch` if the index was made by another network, or its vectors have another
    ///   width.
    /// - Complexity: a pass through the network, and O(names * (width + count)).
    public func nearest(
        to photo: Image, count: Int, using extractor: Extractor
    ) throws(ExtractionError) -> [(name: String, similarity: Float)] {
        let found = extractor.model.fingerprint
        let width = extractor.model.configuration.width
        if let network, network != found {
            throw .networkMismatch(expected: network, found: found)
        }
        guard vectors.shape[1] == width else {
            throw .networkMismatch(expected: "width \(vectors.shape[1])", found: "width \(width)")
        }
        return nearest(to: try extractor.embedding(of: photo, view: view), count: count)
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

extension EmbeddingIndex {
    /// Opens an index.
    ///
    /// - Throws: `TensorFileError` if the file cannot be read or is not an index.
    public init(contentsOf path: String) throws(TensorFileError) {
        let bytes = try ModelFiles.bytes(at: path, limit: 1 << 32)
        do {
            self = try JSONDecoder().decode(EmbeddingIndex.self, from: Data(bytes))
        } catch DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty {
            throw .damaged(path: path, reason: context.debugDescription)
        } catch {
            throw .damaged(path: path, reason: "it is not an index of embeddings")
        }
    }

    /// Writes the index to a JSON file, which replaces an existing one when it is complete.
    ///
    /// - Throws: `TensorFileError` if the file cannot be written.
    public func write(to path: String) throws(TensorFileError) {
        do {
            let bytes = [UInt8](try JSONEncoder().encode(self))
            try ReplacingFile.write(to: path) { file throws(SystemError) in try file.write(bytes) }
        } catch {
            throw .unwritable(path: path, reason: "\(error)")
        }
    }
}

/// The vectors are stored as the bytes of their elements, float32 little-endian, in base64: exact, and a third of the
/// size of decimals.
extension EmbeddingIndex: Codable {
    private enum CodingKeys: String, CodingKey {
        case names, width, vectors, network, view
    }

    /// Encodes the names and the vectors.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(names, forKey: .names)
        try container.encode(vectors.shape[1], forKey: .width)
        let bits = vectors.elements.map(\.bitPattern.littleEndian)
        try container.encode(bits.withUnsafeBytes { Data($0) }, forKey: .vectors)
        try container.encodeIfPresent(network, forKey: .network)
        try container.encode(view, forKey: .view)
    }

    /// Decodes an index.
    ///
    /// - Throws: `DecodingError`, also if the number of elements does not match names and width, an element is not
    ///   finite, or the view is not valid.
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
        network = try container.decodeIfPresent(String.self, forKey: .network)
        // The fingerprint is shown in error messages.
        if let network, network.count > 200 || printable(network) != network {
            throw DecodingError.dataCorruptedError(
                forKey: .network, in: container,
                debugDescription: "its network's fingerprint is not a short text")
        }
        view = try container.decode(CentreView.self, forKey: .view)
        if let fault = view.fault {
            throw DecodingError.dataCorruptedError(
                forKey: .view, in: container, debugDescription: fault)
        }
    }
}
