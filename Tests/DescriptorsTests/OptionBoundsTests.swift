import Descriptors
import Foundation
import Tensors
import Testing
import ViT

/// Every number in the options is bounded.
@Suite struct OptionBoundsTests {
    @Test func everyNumberIsBounded() throws {
        var foreground = CoSegmentation.Options()
        foreground.outlierThreshold = 0.7
        foreground.taps.features.stride = PatchStride(4)
        foreground.taps.binning = .logarithmic()
        foreground.taps.features.saliencyHeads = [0, 2]
        var parts = PartCoSegmentation.Options()
        parts.foreground = foreground
        parts.stages = .three()
        let matching = Correspondences.Options(
            features: FeatureOptions(stride: PatchStride(4), saliencyHeads: [1]))
        #expect(foreground.fault == nil && parts.fault == nil && matching.fault == nil)
        #expect(VideoSegmenter.Options().fault == nil)
        #expect(try unboundedNumbers(of: foreground) == ["seed"])
        #expect(try unboundedNumbers(of: parts) == ["seed"])
        #expect(try unboundedNumbers(of: matching) == ["seed"])
        #expect(try unboundedNumbers(of: VideoSegmenter.Options()) == [])
    }
}

/// The names of the numbers in the options' JSON that may take an extreme value: neither decoding nor `fault` rejects it.
/// Independent of the declared bounds.
func unboundedNumbers(of options: some Codable & Bounded) throws -> Set<String> {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let json = String(decoding: try encoder.encode(options), as: UTF8.self)
    func accepts<Options: Codable & Bounded>(_ json: String, as _: Options) -> Bool {
        guard let read = try? JSONDecoder().decode(Options.self, from: Data(json.utf8)) else {
            return false
        }
        return read.fault == nil
    }
    var names: Set<String> = []
    var count = 0
    for match in json.matches(of: /(?<before>[:\[,])(?<number>-?[0-9][0-9.eE+-]*)/) {
        count += 1
        for value in ["9223372036854775807", "1e300", "-1e300", "-9223372036854775808"] {
            var changed = json
            changed.replaceSubrange(
                match.output.number.startIndex..<match.output.number.endIndex, with: value)
            guard accepts(changed, as: options) else { continue }
            let start = json[..<match.range.lowerBound]
            names.insert(start.matches(of: /"(\w+)":?/).last.map { String($0.output.1) } ?? "?")
        }
    }
    #expect(count > 3, "only \(count) numbers were found in \(json)")
    return names
}
