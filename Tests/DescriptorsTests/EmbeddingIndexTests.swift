import Descriptors
import Foundation
import Images
import Tensors
import Testing
import ViT

@Suite struct EmbeddingIndexTests {
    private func photo(_ seed: UInt64) -> Image {
        var generator = Xoshiro256(seed: seed)
        return Image(
            width: 70, height: 50,
            pixels: (0..<10500).map { _ in UInt8(generator.nextIndex(below: 256)) })
    }

    @Test("An embedding is the network's class token of the centre view, alone and in a batch")
    func embeddings() throws {
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
            // In a batch, products may be cut in another way.
            for (x, y) in zip(one.elements, all.rows(index..<index + 1).elements) {
                #expect(abs(x - y) < 1e-4)
            }
        }
        #expect(try extractor.embeddings(of: []).shape[0] == 0)
        #expect(throws: ExtractionError.imageTooSmall(width: 4, height: 4, patchSize: 8)) {
            try extractor.embedding(of: photos[0], view: CentreView(loadSize: 8, cropSize: 4))
        }
    }

    @Test("The nearest by the cosine, whatever the lengths")
    func nearest() {
        let index = EmbeddingIndex(
            names: ["a", "b", "c"], embeddings: Tensor([1, 0, 10, 10, 0, 0.1], shape: [3, 2]))
        let found = index.nearest(to: Tensor([5, 0.5], shape: [2]), count: 2)
        #expect(found.map(\.name) == ["a", "b"])
        #expect(abs(found[0].similarity - 0.995037) < 1e-6)
        #expect(abs(found[1].similarity - 0.773957) < 1e-6)
        #expect(
            index.nearest(to: Tensor([0, 1], shape: [2]), count: 9).map(\.name) == ["c", "b", "a"])
    }

    @Test("It is read back to the bit, and refused where numbers are missing or not finite")
    func coding() throws {
        var generator = Xoshiro256(seed: 4)
        let index = EmbeddingIndex(
            names: ["x/1.jpg", "y"], embeddings: .normal([2, 5], using: &generator))
        let data = try JSONEncoder().encode(index)
        #expect(try JSONDecoder().decode(EmbeddingIndex.self, from: data) == index)
        func decode(_ width: Int, _ floats: [Float]) throws -> EmbeddingIndex {
            let bytes = floats.flatMap {
                withUnsafeBytes(of: $0.bitPattern.littleEndian) { Array($0) }
            }
            let text =
                "{\"names\": [\"a\", \"b\"], \"width\": \(width), \"vectors\": "
                + "\"\(Data(bytes).base64EncodedString())\"}"
            return try JSONDecoder().decode(EmbeddingIndex.self, from: Data(text.utf8))
        }
        #expect(try decode(1, [1, -1]).vectors.elements == [1, -1])
        for (width, floats) in [
            (2, [1, -1]), (0, []), (-1, [1, -1]), (Int.max, [1]), (1, [1, .nan]),
            (1, [.infinity, 1]),
        ] as [(Int, [Float])] {
            #expect(throws: DecodingError.self) { try decode(width, floats) }
        }
    }
}
