import Descriptors
import Images

/// The mask of a video's first frame, and how the true masks of its frames go with it.
struct LabelFile {
    private let path: String
    private let form: LabelImage.Form
    let labels: LabelMap

    /// - Throws: where the file is no mask or shows no object.
    init(_ path: String) throws {
        self.path = path
        let image = try LabelImage(contentsOf: path)
        form = image.form
        labels = LabelMap(image)
        guard labels.objects.count > 1 else {
            throw Failure(
                "\(path) is background all over (black, transparent or index 0); expected objects")
        }
    }

    /// How many objects the mask shows.
    var objectCount: Int { labels.objects.count - 1 }

    /// Reads a frame's true mask; the labels mean what they mean in this one.
    ///
    /// - Parameter isFirst: whether it is the first frame's, which must show the same objects. In
    ///   others objects may be hidden, and new ones appear, which the benchmark does not count.
    /// - Throws: where the file is no mask, has another size, or its objects are others.
    func truth(_ truth: String, isFirst: Bool) throws -> LabelMap {
        let map = LabelMap(try LabelImage(contentsOf: truth, numberedAs: form))
        guard map.width == labels.width, map.height == labels.height else {
            throw Failure(
                "\(truth): \(map.width)x\(map.height) pixels, and expected"
                    + " \(labels.width)x\(labels.height), its frame's")
        }
        let expected = VideoScores(first: labels).objects.map(\.label)
        let found = VideoScores(first: map).objects.map(\.label)
        let goesWith =
            isFirst ? found == expected : found.isEmpty || found.contains(where: expected.contains)
        guard goesWith else {
            func list(_ labels: [UInt8]) -> String {
                labels.isEmpty
                    ? "no object" : "the labels \(labels.map(String.init).joined(separator: ", "))"
            }
            throw Failure(
                "\(truth) has \(list(found)) where \(path) has \(list(expected)); expected the same"
                    + " labels for the same objects")
        }
        return map
    }

    /// Writes a mask in the same form.
    func write(_ map: LabelMap, to path: String) throws {
        try form.write(map.labels, width: map.width, height: map.height, to: path)
    }

    /// A colour for each of 256 labels to show the objects in: their own, but where they are gray.
    var colours: [Colour] {
        var colours = [Colour](repeating: .black, count: 256)
        switch form {
        case .indexed(let own), .coloured(let own):
            colours.replaceSubrange(0..<own.count, with: own)
        case .gray:
            let shown = ColourMap.tab10.colours(count: objectCount)
            for (label, colour) in zip(labels.objects.dropFirst(), shown) {
                colours[Int(label)] = colour
            }
        }
        return colours
    }
}
