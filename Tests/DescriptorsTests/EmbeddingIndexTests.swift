import Descriptors
import Foundation
import Images
import Tensors
import Testing
import ViT

@Suite struct EmbeddingIndexTests {
    private func photo(_ seed: UInt64) -> Image {
        ExtractionTests.photo(width: 70, height: 50, seed: seed)
    }

    /// Single pictures and batches agree.
    @Test func embeddingIsClassTokenOfCentreView() throws {
        let extractor = Extractor(try VisionTransformer.bundled())
        let view = CentreView(loadSize: 40, cropSize: 32)
        let photos = (1...3).map(photo)
        let all = try extractor.embeddings(of: photos, view: view)
        for (index, photo) in photos.enumerated() {
            let input = try view.tensor(of: photo, for: extractor.model.configuration)
            let expected = extractor.model.embeddings(of: input.reshaped(to: [1, 3, 32, 32]))
            let one = try extractor.embedding(of: photo, view: view)
            #expect(one.shape == [extractor.model.configuration.width])
            #expect(one.elements == expected.elements)
            // In a batch, matrix products may be blocked differently.
            for (x, y) in zip(one.elements, all.rows(index..<index + 1).elements) {
                #expect(abs(x - y) < 1e-4)
            }
        }
        #expect(try extractor.embeddings(of: []).shape[0] == 0)
        #expect(throws: ExtractionError.imageTooSmall(width: 4, height: 4, patchSize: 8)) {
            try extractor.embedding(of: photos[0], view: CentreView(loadSize: 8, cropSize: 4))
        }
    }

    /// The lengths of the vectors do not matter.
    @Test func nearestEmbeddingsHaveGreatestCosines() {
        let index = EmbeddingIndex(
            names: ["a", "b", "c"], embeddings: Tensor([1, 0, 10, 10, 0, 0.1], shape: [3, 2]))
        let found = index.nearest(to: Tensor([5, 0.5], shape: [2]), count: 2)
        #expect(found.map(\.name) == ["a", "b"])
        #expect(abs(found[0].similarity - 0.995037) < 1e-6)
        #expect(abs(found[1].similarity - 0.773957) < 1e-6)
        #expect(
            index.nearest(to: Tensor([0, 1], shape: [2]), count: 9).map(\.name) == ["c", "b", "a"])
    }

    /// Missing and non-finite numbers are rejected.
    @Test func encodedIndexReadsBackEqual() throws {
        var generator = Xoshiro256(seed: 4)
        let index = EmbeddingIndex(
            names: ["x/1.jpg", "y"], embeddings: .normal([2, 5], using: &generator))
        let data = try JSONEncoder().encode(index)
        #expect(try JSONDecoder().decode(EmbeddingIndex.self, from: data) == index)
        func decode(
            _ width: Int, _ floats: [Float], cropSize: Int = 56
        ) throws -> EmbeddingIndex {
            let bytes = floats.flatMap {
                withUnsafeBytes(of: $0.bitPattern.littleEndian) { Array($0) }
            }
            let text =
                "{\"names\": [\"a\", \"b\"], \"width\": \(width), \"vectors\": "
                + "\"\(Data(bytes).base64EncodedString())\", "
                + "\"view\": {\"loadSize\": 64, \"cropSize\": \(cropSize)}}"
            return try JSONDecoder().decode(EmbeddingIndex.self, from: Data(text.utf8))
        }
        #expect(try decode(1, [1, -1]).vectors.elements == [1, -1])
        for (width, floats) in [
            (2, [1, -1]), (0, []), (-1, [1, -1]), (Int.max, [1]), (1, [1, .nan]),
            (1, [.infinity, 1]),
        ] as [(Int, [Float])] {
            #expect(throws: DecodingError.self) { try decode(width, floats) }
        }
        #expect(throws: DecodingError.self) { try decode(1, [1, -1], cropSize: 65) }
    }

    /// The index keeps the view of its photos, and rejects another network.
    @Test func photosAreFoundByTheNetworkOfTheIndexOnly() throws {
        let extractor = Extractor(try VisionTransformer.bundled())
        let photos = (1...3).map(photo)
        let index = try EmbeddingIndex(
            of: photos, names: ["1", "2", "3"], using: extractor,
            view: CentreView(loadSize: 40, cropSize: 32))
        let copy = try JSONDecoder().decode(
            EmbeddingIndex.self, from: JSONEncoder().encode(index))
        #expect(copy == index)
        let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).json").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try index.write(to: path)
        #expect(try EmbeddingIndex(contentsOf: path) == index)
        for text in ["", "[]", "{\"names\": [\"a\"], \"width\": 2, \"vectors\": \"\"}"] {
            try Data(text.utf8).write(to: URL(filePath: path))
            let error = #expect(throws: TensorFileError.self) {
                try EmbeddingIndex(contentsOf: path)
            }
            #expect(error.map { "\($0)".contains(path) } == true)
        }
        #expect(throws: TensorFileError.self) { try EmbeddingIndex(contentsOf: path + ".none") }
        let found = try copy.nearest(to: photos[1], count: 1, using: extractor)
        #expect(found.map(\.name) == ["2"])
        #expect(abs(found[0].similarity - 1) < 1e-4)
        var other = try VisionTransformer.bundled()
        other.blocks.removeLast()
        #expect(
            throws: ExtractionError.networkMismatch(
                expected: extractor.model.fingerprint, found: other.fingerprint)
        ) {
            try copy.nearest(to: photos[1], count: 1, using: Extractor(other))
        }
    }
}
