import Foundation
import Tensors

/// Why a file gives no fitted model; the `description` is one sentence.
public enum SegmentationModelError: Error, Hashable, Sendable {
    case file(TensorFileError)
    /// The file is sound but holds something else.
    case otherContent(path: String, expected: String)
    /// The file says what it is but contradicts itself.
    case damaged(path: String, reason: String)
    /// The network's descriptors are not those that the model was fitted to.
    case otherChannels(path: String, expected: Int, found: Int)
}

extension SegmentationModelError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .file(let error):
            error.description
        case .otherContent(let path, let expected):
            "\(path) holds no \(expected) model"
        case .damaged(let path, let reason):
            "\(path) is damaged: \(reason)"
        case .otherChannels(let path, let expected, let found):
            "\(path) was fitted to descriptors of \(expected) channels;"
                + " this network gives \(found)"
        }
    }
}

/// A fitted model as a file: safetensors, with what it is and its options as JSON in the metadata.
struct ModelFile {
    private static let kindKey = "model"
    private static let optionsKey = "options"

    private let file: TensorFile
    /// The number of channels of every tensor read so far.
    private var channels: Int?

    /// - Parameter kind: what the model is, as in "co-segmentation".
    static func write(
        _ kind: String, options: some Encodable, tensors: [String: Tensor], to path: String
    ) throws(SegmentationModelError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        guard let json = try? encoder.encode(options) else {
            preconditionFailure("ModelFile: options \(options) cannot be written")
        }
        do {
            try Safetensors.write(
                tensors,
                metadata: [kindKey: kind, optionsKey: String(decoding: json, as: UTF8.self)],
                to: path)
        } catch {
            throw .file(error)
        }
    }

    /// Opens a file and reads its options.
    static func open<Options: Decodable>(
        _ path: String, kind: String, _: Options.Type
    ) throws(SegmentationModelError) -> (ModelFile, Options) {
        let file: TensorFile
        do {
            file = try TensorFile(contentsOf: path)
        } catch {
            throw .file(error)
        }
        guard file.metadata[kindKey] == kind, let json = file.metadata[optionsKey] else {
            throw .otherContent(path: path, expected: kind)
        }
        do {
            let options = try JSONDecoder().decode(Options.self, from: Data(json.utf8))
            return (ModelFile(file: file), options)
        } catch {
            throw .damaged(path: path, reason: "its options are not those of a \(kind) model")
        }
    }

    func damaged(_ reason: String) -> SegmentationModelError {
        .damaged(path: file.path, reason: reason)
    }

    /// Reads a matrix; all of a file have the same number of columns.
    mutating func matrix(_ name: String) throws(SegmentationModelError) -> Tensor {
        let matrix = try tensor(name)
        guard matrix.shape.rank == 2, matrix.shape[1] == channels ?? matrix.shape[1] else {
            throw damaged("\(name) is \(matrix.shape), no matrix of \(channels ?? 0) channels")
        }
        channels = matrix.shape[1]
        return matrix
    }

    /// Reads a vector.
    ///
    /// - Parameter count: what it has to have.
    func vector(_ name: String, count: Int) throws(SegmentationModelError) -> Tensor {
        let vector = try tensor(name)
        guard vector.shape == [count] else {
            throw damaged("\(name) is \(vector.shape); expected \(count) numbers")
        }
        return vector
    }

    func has(_ name: String) -> Bool { file.shape(of: name) != nil }

    private func tensor(_ name: String) throws(SegmentationModelError) -> Tensor {
        do {
            return try file.tensor(named: name)
        } catch {
            throw .file(error)
        }
    }
}

extension SegmentationTaps {
    /// What makes the taps unfit for any picture, as a file may have them.
    var fault: String? {
        if let loadSize, !(1...(1 << 16)).contains(loadSize) { return "load size \(loadSize)" }
        if case .logarithmic(let hierarchy) = binning, !(1...12).contains(hierarchy) {
            return "a binning hierarchy of \(hierarchy)"
        }
        return facet == .classAttention ? "class attention as descriptors" : nil
    }
}

extension CoSegmentation {
    private static let kind = "co-segmentation"

    /// Writes the model as a safetensors file: `centres`, `salient` and, where outliers are looked
    /// for, `meanClassToken`; the options as JSON in the metadata.
    ///
    /// The file appears whole or not at all.
    public func write(to path: String) throws(SegmentationModelError) {
        var tensors = [
            "centres": centres,
            "salient": Tensor(isSalient.map { $0 ? 1 : 0 }, shape: [isSalient.count]),
        ]
        tensors["meanClassToken"] = meanClassToken
        try ModelFile.write(Self.kind, options: options, tensors: tensors, to: path)
    }

    /// Reads a model that was written.
    public init(contentsOf path: String) throws(SegmentationModelError) {
        var (file, options) = try ModelFile.open(path, kind: Self.kind, Options.self)
        if let fault = options.taps.fault { throw file.damaged("its options say \(fault)") }
        let centres = try file.matrix("centres")
        let salient = try file.vector("salient", count: centres.shape[0])
        var meanClassToken: Tensor?
        if options.outlierThreshold != nil {
            // Bins are of the patches alone.
            let channels = centres.shape[1] / options.taps.binning.bins
            meanClassToken = try file.vector("meanClassToken", count: channels)
        }
        self.init(
            options: options, centres: centres, isSalient: salient.elements.map { $0 != 0 },
            meanClassToken: meanClassToken)
    }
}

extension CoSegmentation {
    /// Throws where a picture's descriptors are not of the kind that the model was fitted to.
    ///
    /// - Parameter path: the file that the model came from.
    public func check(
        _ picture: SegmentationFeatures, path: String
    ) throws(SegmentationModelError) {
        let channels = picture.descriptors.channels
        guard channels == centres.shape[1] else {
            throw .otherChannels(path: path, expected: centres.shape[1], found: channels)
        }
    }
}
