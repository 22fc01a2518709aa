import Foundation
import Tensors
import Testing
import ViT

@Suite struct BundledWeightsTests {
    private let source = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Sources/ViT/Resources/default.safetensors")
        .path

    /// Small enough to come with every copy of the package.
    @Test func bundledFileIsSmallAndStatesItsOrigin() throws {
        let file = try WeightFile.bundled()
        #expect(file.configuration.patchSize == 8)
        #expect(file.parameterCount <= 6_000_000)
        #expect(Set(file.elementTypes.keys) == [.float16])
        #expect(file.leftOver.isEmpty)
        #expect(file.metadata["data"] != nil && file.metadata["recipe"] != nil)
        #expect(file.metadata["format"] == nil && file.metadata["num_heads"] == nil)
        let bytes = try FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int
        #expect(bytes ?? .max <= 12_000_000)
    }

    @Test func bundledModelMatchesTheSourceFile() throws {
        let expected = try VisionTransformer(contentsOf: source)
        let file = try WeightFile.bundled()
        #expect(try file.network().tensors == expected.tensors)
        let model = try VisionTransformer.bundled()
        #expect(model.configuration == expected.configuration)
        #expect(model.classToken.elements == expected.classToken.elements)
    }

    @Test func missingFileErrorNamesThePlacesSearched() {
        let error = WeightsError.noBundledWeights(places: ["/a/b", "/c/d"])
        #expect(
            error.description
                == "the bundled weights are missing: there is no /a/b, nor /c/d")
    }
}
