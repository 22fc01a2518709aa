import Descriptors
import Images

/// The mask of a video's first frame, against which true masks of its frames are checked.
struct LabelFile {
    private let path: String
    private let form: LabelImage.Form
    let labels: LabelMap

    /// Reads a mask.
    ///
    /// - Throws: if the file is not a mask or has no object.
    init(_ path: String) throws {
        self.path = path
        let image = try LabelImage(contentsOf: path)
        form = image.form
        labels = LabelMap(image)
        guard labels.objects.count > 1 else {
            throw Failure(
                "\(path) contains only background (black, transparent or index 0); expected objects"
            )
        }
    }

    /// The number of objects in the mask.
    var objectCount: Int { labels.objects.count - 1 }

    /// Reads a frame's true mask, with labels numbered as in this one.
    ///
    /// - Parameters:
    ///   - truth: the file.
    ///   - isFirst: whether it is the first frame's mask, which must have the same objects. In other
    ///     frames objects may be hidden, and new ones, which the benchmark ignores, may appear.
    /// - Throws: if the file is not a mask, has another size, or has other objects.
    func truth(_ truth: String, isFirst: Bool) throws -> LabelMap {
        let map = LabelMap(try LabelImage(contentsOf: truth, numberedAs: form))
        guard map.width == labels.width, map.height == labels.height else {
            throw Failure(
                "\(truth): \(map.width)x\(map.height) pixels; expected its frame's"
                    + " \(labels.width)x\(labels.height)")
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
                "\(truth) has \(list(found)), but \(path) has \(list(expected)); expected the same"
                    + " labels for the same objects")
        }
        return map
    }

    /// Writes a mask in the form of this one.
    func write(_ map: LabelMap, to path: String) throws {
        try form.write(map.labels, width: map.width, height: map.height, to: path)
    }

    /// Colours for 256 labels to draw objects in: the mask's own, or distinct ones if it is gray.
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
